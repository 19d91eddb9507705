"""What readers write becomes harmless HTML, whatever it is."""

from html.parser import HTMLParser

import pytest

from netopsy import InputError
from netopsy.feed.markdown import LONGEST, TAGS, cleaned, rendered


class Found(HTMLParser):
    """The elements and attributes of a text."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*a* **b** `c`", "<p><em>a</em> <strong>b</strong> <code>c</code></p>"),
        (
            "> a\n\n1. b\n\n- c",
            "<blockquote>\n<p>a</p>\n</blockquote>\n<ol>\n<li>b</li>\n</ol>\n<ul>\n<li>c</li>\n</ul>",
        ),
        ("```py\n<b>\n```", "<pre><code>&lt;b&gt;\n</code></pre>"),
        ("[a](https://b.c)", '<p><a href="https://b.c" rel="nofollow ugc noopener">a</a></p>'),
        ("[a](HTTP://b.c 'title')", '<p><a href="HTTP://b.c" rel="nofollow ugc noopener">a</a></p>'),
        ("[a](/papers)", "<p>[a](/papers)</p>"),
        ("[a](//b.c)", "<p>[a](//b.c)</p>"),
        ("![a](https://b.c/d.png)", '<p>!<a href="https://b.c/d.png" rel="nofollow ugc noopener">a</a></p>'),
        ("# a\n\n---", "<p># a</p>\n<p>---</p>"),
        ("a  \nb", "<p>a<br>\nb</p>"),
        ("<b>a</b> &lt;", "<p>&lt;b&gt;a&lt;/b&gt; &lt;</p>"),
    ],
)
def test_commonmark_is_rendered_with_little(text, html):
    assert rendered(cleaned(text)) == html


def test_controls_and_changes_of_direction_are_taken_out_and_joiners_stay():
    assert cleaned("a\x00b\x1b[31m\u202ec\u2066d\x85e\ud800\ufefff\r\ng\rh\u2028i") == "ab[31mcdef\ng\nh\ni"
    assert cleaned("\u0646\u200c\u0645 \U0001f468\u200d\U0001f469") == "\u0646\u200c\u0645 \U0001f468\u200d\U0001f469"


@pytest.mark.parametrize(
    "text",
    ["", " \n\t", "\x00\x07\x1b", "\u202e\u2066\u200f", "\u200b\u200d\u2060", "\u3164\u2800", "\u00ad", "\ud800"],
)
def test_a_comment_of_only_what_cannot_be_seen_is_refused(text):
    with pytest.raises(InputError, match="needs a few words"):
        cleaned(text)


@pytest.mark.parametrize("text", ["[a]: http://b.c", "> ", "- \n- ", "&#x202e;&#x200b;", "```\n```"])
def test_a_comment_of_which_nothing_is_shown_is_refused(text):
    with pytest.raises(InputError, match="needs a few words"):
        rendered(cleaned(text))


def test_what_is_written_as_a_number_is_taken_out_as_well():
    assert rendered(cleaned("a&#x202e;b&#x2066;&#xfeff;c [d](http://e/&#x202e;f)")).startswith("<p>abc <a")
    assert "\u202e" not in rendered(cleaned("[d](http://e/&#x202e;f &quot;&#x202e;&quot;)"))


def test_4000_characters_are_the_most():
    assert len(cleaned("a" * LONGEST + "\r\n \x00")) == 4000
    with pytest.raises(InputError, match="4,000 characters, got 4,001"):
        cleaned("a" * 4001)


@pytest.mark.parametrize("unit", ["[", "![", "> ", "- ", "*a_", "`", "[a](", "<a", "**a **", "\\", "&", "1. ", "[]("])
def test_text_that_means_harm_to_the_reader_of_markdown_takes_no_time(unit):
    try:
        made = rendered((unit * LONGEST)[:LONGEST])
    except InputError:
        return
    assert len(made) < 60 * LONGEST
    assert {tag for tag, _ in Found(made).tags} <= TAGS
