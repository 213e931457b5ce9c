"""Tiny networks of real architectures, built from configuration, weights from a seed."""

import tokenizers
import torch
import transformers


def _saved(kind, config, folder):
    torch.manual_seed(3)
    kind(config).save_pretrained(folder)
    return folder


def encoder(folder):
    """A BERT with 100 words and three classes."""
    config = transformers.BertConfig(
        vocab_size=100,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        num_labels=3,
    )
    return _saved(transformers.BertForSequenceClassification, config, folder)


def pictures(folder):
    """A ResNet of 32 x 32 pictures and four classes."""
    config = transformers.ResNetConfig(
        embedding_size=8,
        hidden_sizes=[8],
        depths=[1],
        num_labels=4,
        layer_type="basic",
        image_size=32,
    )
    return _saved(transformers.ResNetForImageClassification, config, folder)


_DECODER = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
}
# Keys and values: 2 x layers x heads kept x numbers a head x bytes a number.
DECODER_KV_BYTES = 2 * 2 * 2 * 8 * 4


def decoder(folder):
    """A Llama whose four heads share two of keys and values."""
    return _saved(
        transformers.LlamaForCausalLM, transformers.LlamaConfig(**_DECODER), folder
    )


N_EXPERTS, N_CHOSEN = 4, 1
# Three products of 32 x 64 in each expert.
EXPERT_PARAMETERS = 3 * 32 * 64


def mixture(folder):
    """A Mixtral of two layers, four experts each, one a token."""
    config = transformers.MixtralConfig(
        **_DECODER, num_local_experts=N_EXPERTS, num_experts_per_tok=N_CHOSEN
    )
    return _saved(transformers.MixtralForCausalLM, config, folder)


def talker(folder, *, words=()):
    """A Llama of 12,000 token ids, the first of which are these words, ended by `</s>`."""
    config = transformers.LlamaConfig(
        **_DECODER
        | {"vocab_size": 12_000, "max_position_embeddings": 256, "eos_token_id": 2}
    )
    _saved(transformers.LlamaForCausalLM, config, folder)
    if words:
        ids = {word: i for i, word in enumerate(["<unk>", "<s>", "</s>", *words])}
        named = tokenizers.Tokenizer(
            tokenizers.models.WordLevel(ids, unk_token="<unk>")
        )
        named.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
        named.decoder = tokenizers.decoders.Fuse()
        named.add_special_tokens(["<unk>", "<s>", "</s>"])
        named.save(str(folder / "tokenizer.json"))
    return folder
