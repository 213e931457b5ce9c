"""A folder of Hugging Face's layout: safetensors only, and nothing made up."""

import json
import pickle

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from planner.domain.profiling import FileFormat, ModelFile
from planner.errors import ModelLoadError
from profilers.identity import identity
from profilers.models import load_model
from tests.support import networks

pytestmark = pytest.mark.slow


def of(folder, **more):
    return ModelFile(
        name="net",
        directory=folder.parent,
        format=FileFormat.HUGGINGFACE,
        path=folder,
        **{"sequence_tokens": 16, "context_tokens": (8, 16), **more},
    )


def test_an_encoder_answers_as_transformers_own_does(tmp_path):
    folder = networks.encoder(tmp_path / "bert")
    theirs = transformers.BertForSequenceClassification.from_pretrained(folder).eval()

    model = load_model(of(folder))

    assert model.example.shape == (32, 16)
    assert model.contexts == ()
    with torch.inference_mode():
        torch.testing.assert_close(
            model.module(model.example), theirs(model.example).logits
        )


def test_pictures_have_the_size_that_the_configuration_names(tmp_path):
    model = load_model(of(networks.pictures(tmp_path / "resnet")))

    assert model.example.shape == (32, 3, 32, 32)
    assert model.has_convolutions


def test_a_causal_model_is_measured_at_the_contexts_it_reaches(tmp_path):
    folder = networks.decoder(tmp_path / "llama")

    assert load_model(of(folder, context_tokens=(8, 32, 999))).contexts == (8, 32)
    with pytest.raises(ModelLoadError, match="ends at 64 tokens, before 99"):
        load_model(of(folder, context_tokens=(99,)))


def test_documents_are_part_of_what_a_model_is_and_only_a_causal_one_has_them(tmp_path):
    path = tmp_path / "texts.jsonl"
    path.write_text("\n".join(['{"tokens": [1, 2, 3]}'] * 8))
    llama = of(networks.decoder(tmp_path / "llama"), evaluation_text=path)
    before = identity(llama)

    assert len(load_model(llama).documents) == 8
    with pytest.raises(ModelLoadError, match="no causal language model"):
        load_model(of(networks.encoder(tmp_path / "bert"), evaluation_text=path))
    path.write_text("\n".join(['{"tokens": [1, 2, 4]}'] * 8))

    assert identity(llama) != before


def test_texts_in_words_need_the_folders_own(tmp_path):
    path = tmp_path / "texts.jsonl"
    path.write_text("\n".join(['{"text": "who is there"}'] * 8))
    worded = networks.talker(tmp_path / "worded", words=["who", "is", "there"])

    model = load_model(of(worded, evaluation_text=path))

    assert model.documents[0].tokens == (3, 4, 5)
    mute = networks.talker(tmp_path / "mute")
    with pytest.raises(ModelLoadError, match=r"no tokenizer\.json"):
        load_model(of(mute, evaluation_text=path))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.pkl"])
def test_pickled_weights_are_refused_by_name_and_never_opened(tmp_path, name):
    folder = networks.encoder(tmp_path / "bert")
    (folder / "model.safetensors").unlink()
    opened = tmp_path / "opened"
    bomb = type("Bomb", (), {"__reduce__": lambda _: (opened.touch, ())})
    (folder / name).write_bytes(pickle.dumps(bomb()))

    with pytest.raises(ModelLoadError, match=f"{name} is pickled, and can run code"):
        load_model(of(folder))

    assert not opened.exists()


def test_weights_that_are_missing_are_not_made_up(tmp_path):
    folder = networks.encoder(tmp_path / "bert")
    path = folder / "model.safetensors"
    kept = {k: v for k, v in load_file(path).items() if k != "classifier.weight"}
    save_file(kept, path, {"format": "pt"})

    with pytest.raises(ModelLoadError, match=r"its weights lack classifier\.weight"):
        load_model(of(folder))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"architectures": ["BespokeModel"]}, "BespokeModel is not in transformers"),
        ({"auto_map": {"AutoModel": "x.Y"}}, "code of its own, which is never run"),
        ({"architectures": None}, "names None as architectures: one is needed"),
    ],
)
def test_code_of_the_folders_own_is_never_run(tmp_path, changed, message):
    folder = networks.encoder(tmp_path / "bert")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changed}))

    with pytest.raises(ModelLoadError, match=message):
        load_model(of(folder))


def test_its_content_is_what_it_is_known_by(tmp_path):
    folder = networks.encoder(tmp_path / "bert")
    before = identity(of(folder))
    (folder / "README.md").write_text("about")
    unread = identity(of(folder))
    path = folder / "model.safetensors"
    save_file({k: v + 1 for k, v in load_file(path).items()}, path, {"format": "pt"})

    assert unread == before
    assert identity(of(folder)) != before
    assert identity(of(folder, sequence_tokens=8)) != identity(of(folder))
