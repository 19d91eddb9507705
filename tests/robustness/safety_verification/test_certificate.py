import pytest
import torch
from tests.robustness.safety_verification.nets import image_for, small
from torch import nn

from netopsy import InputError
from netopsy.robustness.safety_verification import certify, check_certificate, input_region, load_certificate


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
    from dataclasses import replace

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
