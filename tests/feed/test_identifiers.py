"""One key for all the ways of writing the name of a paper."""

import pytest

from netopsy.core.errors import InputError
from netopsy.feed.identifiers import identified, of_content, parse


@pytest.mark.parametrize(
    ("text", "key", "version"),
    [
        ("2004.02866v3", "arxiv:2004.02866", 3),
        (" arXiv:2004.02866 ", "arxiv:2004.02866", None),
        ("https://arxiv.org/pdf/2004.02866v1.pdf", "arxiv:2004.02866", 1),
        ("http://arxiv.org/abs/2004.02866?context=cs", "arxiv:2004.02866", None),
        ("10.48550/arXiv.2004.02866", "arxiv:2004.02866", None),
        ("https://doi.org/10.48550/arXiv.2004.02866", "arxiv:2004.02866", None),
        ("https://huggingface.co/papers/2004.02866", "arxiv:2004.02866", None),
        ("cond-mat.mes-hall/0211022v2", "arxiv:cond-mat/0211022", 2),
        ("cond-mat/0211022", "arxiv:cond-mat/0211022", None),
        ("math.GT/0309136", "arxiv:math/0309136", None),
        ("0704.0001", "arxiv:0704.0001", None),
        ("doi:10.1038/Nature123", "doi:10.1038/nature123", None),
        ("file:" + "a" * 64, "file:" + "a" * 64, None),
    ],
)
def test_all_ways_of_writing_it_are_one(text, key, version):
    found = parse(text)
    assert (found.key, found.version) == (key, version)
    assert parse(found.key).key == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "150.12345",
        "2013.00001",
        "1401.00001",
        "2001.0001",
        "0601.0001",
        "2004.02866v0",
        "2004.02866x",
        "see 2004.02866",
        "https://evil.example/?2004.02866x",
        "https://evil.example/abs/2004.02866",
        "https://arxiv.org.evil.example/abs/2004.02866",
        "https://evil.example@arxiv.example/abs/2004.02866",
        "ftp://arxiv.org/abs/2004.02866",
        "javascript://arxiv.org/abs/2004.02866",
        "https://[::1/abs/2004.02866",
        "nonsense/0309136",
        "math/0313136",
        "10.1/x",
        "file:../../etc/passwd",
    ],
)
def test_what_names_no_paper_names_none(text):
    assert parse(text) is None


def test_a_paper_without_a_name_is_known_by_its_title_and_authors():
    assert of_content("On  Nets", "A. B.").key == of_content("on nets!", "a b").key
    assert of_content("On nets", "A. B.").key != of_content("On nets", "C. D.").key
    assert of_content("On nets", "").url == ""


def test_where_a_paper_must_be_named_the_error_says_how():
    with pytest.raises(InputError, match="named by its arXiv number or DOI, such as 2004.02866, got 'x'"):
        identified("x")
