"""A problem in Mélange's own format is solved, proved and told."""

import json

import pytest

from planner.cli.app import main

# Two buckets; 8 requests/s, three quarters of them short. By hand: a small GPU serves
# 3 short or 1 long a second for 1 USD/h, a large one 10 or 6 for 4 USD/h: the two long
# ones take a third of a large one, whose other two thirds carry the six short ones.
PROBLEM = {
    "gpu_info": {
        "small": {"cost": 1.0, "tputs": [[3.0, 1.0]]},
        "large": {"cost": 4.0, "tputs": [[10.0, 6.0]]},
    },
    "workload_distribution": [[0.75, 0.25]],
    "total_request_rate": 8.0,
    "slice_factor": 4,
}


def written(tmp_path, problem):
    file = tmp_path / "melange.json"
    file.write_text(json.dumps(problem))
    return str(file)


def test_the_cheapest_mix_is_that_of_the_hand(tmp_path, capsys):
    code = main(["import", "melange", written(tmp_path, PROBLEM), "--json"])

    answer = json.loads(capsys.readouterr().out)
    assert code == 0
    assert answer["usd_per_h"] == pytest.approx(4.0)
    assert answer["certificate"]["verdict"] == "optimal"


def test_the_table_names_every_gpu_bought(tmp_path, capsys):
    assert main(["import", "melange", written(tmp_path, PROBLEM)]) == 0
    assert "USD/h" in capsys.readouterr().out


def test_a_bucket_that_no_gpu_serves_is_no_plan(tmp_path, capsys):
    lost = json.loads(json.dumps(PROBLEM))
    for gpu in lost["gpu_info"].values():
        gpu["tputs"][0][1] = 0.0

    assert main(["import", "melange", written(tmp_path, lost)]) == 1
    capsys.readouterr()
    assert main(["import", "melange", written(tmp_path, lost), "--json"]) == 1
    (reason,) = json.loads(capsys.readouterr().out)["reasons"]
    assert "no purchase serves it all" in reason


def test_a_wrong_file_is_refused_with_its_place(tmp_path, capsys):
    wrong = {**PROBLEM, "total_request_rate": -1}

    assert main(["import", "melange", written(tmp_path, wrong)]) == 2
    assert "total_request_rate" in capsys.readouterr().err
