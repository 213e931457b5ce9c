"""Shapes as EC2 describes them."""

import boto3
import pytest
from botocore.stub import Stubber

from cloud_adapters.aws.capacity import instance_shapes, offered_types

# One for all tests: a session keeps the service models that it has read.
SESSION = boto3.Session(aws_access_key_id="key", aws_secret_access_key="secret")


def client():
    return SESSION.client("ec2", region_name="us-east-1")


def described(name, **more):
    return {
        "InstanceType": name,
        "VCpuInfo": {"DefaultVCpus": 4},
        "MemoryInfo": {"SizeInMiB": 16384},
        **more,
    }


def shape_of(name, **more):
    ec2 = client()
    with Stubber(ec2) as stub:
        stub.add_response(
            "describe_instance_types", {"InstanceTypes": [described(name, **more)]}
        )
        return instance_shapes(ec2, {name})[name]


def test_memory_is_in_bytes():
    shape = shape_of("m5.xlarge")

    assert (shape.vcpus, shape.memory_bytes) == (4, 17_179_869_184)
    assert (shape.accelerator, shape.accelerator_count) == (None, 0)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"GpuInfo": {"Gpus": [{"Name": "A10G", "Count": 8}]}}, ("A10G", 8.0)),
        (
            {
                "GpuInfo": {
                    "Gpus": [
                        {
                            "Name": "L4",
                            "Count": 0,
                            "LogicalGpuCount": 1,
                            "GpuPartitionSize": 0.125,
                        }
                    ]
                }
            },
            ("L4", 0.125),
        ),
        (
            {
                "NeuronInfo": {"NeuronDevices": [{"Name": "Inferentia2", "Count": 6}]},
                "InferenceAcceleratorInfo": {
                    "Accelerators": [{"Name": "Inferentia2", "Count": 6}]
                },
            },
            ("Inferentia2", 6.0),
        ),
        (
            {
                "InferenceAcceleratorInfo": {
                    "Accelerators": [{"Name": "AI 100", "Count": 8}]
                }
            },
            ("AI 100", 8.0),
        ),
        ({"FpgaInfo": {"Fpgas": [{"Name": "Virtex", "Count": 1}]}}, ("Virtex", 1.0)),
        (
            {"MediaAcceleratorInfo": {"Accelerators": [{"Name": "U30", "Count": 2}]}},
            ("U30", 2.0),
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_an_accelerator_has_awss_own_word_and_its_count(more, expected):
    shape = shape_of("x.large", **more)

    assert (shape.accelerator, shape.accelerator_count) == expected


def test_types_are_asked_for_a_hundred_at_a_time():
    names = [f"m{n:03}.large" for n in range(201)]
    ec2 = client()
    with Stubber(ec2) as stub:
        for asked in (names[:100], names[100:200], names[200:]):
            stub.add_response(
                "describe_instance_types",
                {"InstanceTypes": [described(name) for name in asked]},
                {"InstanceTypes": asked},
            )

        shapes = instance_shapes(ec2, set(names))

        stub.assert_no_pending_responses()
    assert sorted(shapes) == names


def test_no_type_is_no_question():
    ec2 = client()
    with Stubber(ec2):
        assert instance_shapes(ec2, ()) == {}


def test_what_a_region_offers_is_read_over_all_pages():
    ec2 = client()
    with Stubber(ec2) as stub:
        for name, token in (("m5.large", "more"), ("g6.xlarge", "")):
            stub.add_response(
                "describe_instance_type_offerings",
                {
                    "InstanceTypeOfferings": [
                        {"InstanceType": name, "Location": "us-east-1"}
                    ],
                    "NextToken": token,
                },
            )

        assert offered_types(ec2, "us-east-1") == {"m5.large", "g6.xlarge"}
