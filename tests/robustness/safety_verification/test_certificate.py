import math
from dataclasses import replace

import pytest
import torch
from tests.robustness.safety_verification.nets import image_for, small
from torch import nn

from netopsy import InputError
from netopsy.robustness.safety_verification import Region, certify, check_certificate, input_region, load_certificate


@pytest.fixture(params=["milp", "smt", "bounds", "grid", "grid+cells"])
def method(request):
    return request.param


@pytest.mark.parametrize(("span", "broken"), [(0.01, False), (1.0, True)])
def test_a_certificate_is_read_back_and_replayed(tmp_path, method, span, broken):
    net, image = small("dense", seed=0), image_for(0)
    written = certify(net, image, input_region(image, n_dims=8, span=span), method=method)
    written.save(tmp_path / "one.safetensors")
    read = load_certificate(tmp_path / "one.safetensors")
    assert read.verdict.status == written.verdict.status
    assert read.verdict.region == written.verdict.region
    assert torch.equal(read.verdict.image, image)
    now = check_certificate(read, net, image)
    assert now.status == read.verdict.status
    assert now.broken == broken


def test_another_network_weight_or_image_is_refused(tmp_path):
    net, image = small("dense"), image_for()
    found = certify(net, image, input_region(image, span=1e-3))
    with pytest.raises(InputError, match="weights"):
        check_certificate(found, small("dense", seed=1))
    other = nn.Sequential(*(nn.Identity() if number == 4 else layer for number, layer in enumerate(net)))
    with pytest.raises(InputError, match="layers are others"):
        check_certificate(found, other)
    with pytest.raises(InputError, match="pixels are others"):
        check_certificate(found, net, image_for(7))


def test_a_verdict_that_does_not_come_out_again_is_refused():
    net, image = small("dense", seed=0), image_for(0)
    region = input_region(image, n_dims=8, span=1.0)
    unsafe = certify(net, image, region)
    lied = replace(unsafe, verdict=replace(unsafe.verdict, status="safe", counterexample=None))
    with pytest.raises(InputError, match="says 'safe', and replaying it gives 'unsafe'"):
        check_certificate(lied, net)
    inside = replace(unsafe, verdict=replace(unsafe.verdict, counterexample=image))
    with pytest.raises(InputError, match="class of the image"):
        check_certificate(inside, net)
    outside = replace(unsafe, verdict=replace(unsafe.verdict, region=input_region(image, n_dims=8, span=1e-3)))
    with pytest.raises(InputError, match="outside the region"):
        check_certificate(outside, net)


def test_a_damaged_file_is_refused(tmp_path):
    net, image = small("dense"), image_for()
    certify(net, image, input_region(image, span=1e-3)).save(tmp_path / "one.safetensors")
    content = bytearray((tmp_path / "one.safetensors").read_bytes())
    content[-3] ^= 1
    (tmp_path / "one.safetensors").write_bytes(content)
    with pytest.raises(InputError, match="one.safetensors"):
        load_certificate(tmp_path / "one.safetensors")


def tied():
    """Two classes that tie at a radius of 0.01: an image, and certificates of a smaller region and of a larger one."""
    net, image = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), torch.full((1, 2, 2), 0.5)
    with torch.no_grad():
        net[1].weight.copy_(torch.tensor([[1.0, 0, 0, 0], [0, 0, 0, 0]]))
        net[1].bias.copy_(torch.tensor([0.0, 0.49]))
    return net, *(certify(net, image, input_region(image, strategy="all", span=span)) for span in (0.005, 0.05))


def with_verdict(certificate, **changes):
    return replace(certificate, verdict=replace(certificate.verdict, **changes))


def test_the_class_that_it_names_must_be_the_networks():
    net, safe, unsafe = tied()
    assert (safe.verdict.status, unsafe.verdict.status) == ("safe", "unsafe")
    with pytest.raises(InputError, match="says class 1, and the network gives the image class 0"):
        check_certificate(with_verdict(safe, predicted=1), net)
    with pytest.raises(InputError, match="class"):
        check_certificate(with_verdict(unsafe, predicted=1), net)


def test_activations_are_not_passed_off_as_an_image():
    net, safe, _ = tied()
    deep = certify(net, safe.verdict.image, Region((0,), (1.0,), (1,), "1"))
    assert check_certificate(deep, net).status == "layer-unsafe"
    with pytest.raises(InputError, match="says 'unsafe', and replaying it gives 'layer-unsafe'"):
        check_certificate(with_verdict(deep, status="unsafe"), net)


def test_the_words_of_a_replayed_counterexample_are_not_those_of_the_file():
    net, _, unsafe = tied()
    found = check_certificate(with_verdict(unsafe, assumptions="proved by all"), net)
    assert found.assumptions == unsafe.verdict.assumptions


@pytest.mark.parametrize(
    "changed",
    [
        lambda one: replace(one, bounds=(0.0,)),
        lambda one: replace(one, bounds=(math.nan, 1.0)),
        lambda one: replace(one, timeout=math.nan),
        lambda one: replace(one, asked_margin=math.nan),
        lambda one: replace(one, mode="any"),
        lambda one: with_verdict(one, image=one.verdict.image * math.nan),
        lambda one: with_verdict(one, image=one.verdict.image.flatten()),
        lambda one: with_verdict(one, region=Region((99,), (0.1,), (1,))),
        lambda one: with_verdict(one, region=Region((0,), (0.1,), (10**15,))),
    ],
)
def test_certificates_with_hostile_contents_are_refused_in_a_sentence(tmp_path, changed):
    net, safe, _ = tied()
    changed(replace(safe, method="grid", timeout=1.0)).save(tmp_path / "one.safetensors")
    with pytest.raises(InputError):
        check_certificate(load_certificate(tmp_path / "one.safetensors"), net)


@pytest.mark.parametrize("point", [lambda x: x * math.nan, lambda x: x.int(), lambda x: x.flatten(), lambda x: x + 9.0])
def test_counterexamples_that_are_none_are_refused(point):
    net, _, unsafe = tied()
    with pytest.raises(InputError):
        check_certificate(with_verdict(unsafe, counterexample=point(unsafe.verdict.counterexample)), net)


def test_counts_beyond_all_numbers_are_refused():
    with pytest.raises(InputError, match="count"):
        Region((0,), (1e-3,), (10**30,))
    with pytest.raises(InputError, match="finite"):
        Region((0,), (1e308,), (1000,))
