"""A small encoder with weights at random, in the form in which real ones are kept on disk."""

import gzip
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

_SPECIAL: Final = ("unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


def make_encoder(folder: Path, layers: int = 2, width: int = 32, window: int = 64) -> Path:
    """A BERT with a real vocabulary; where it is.

    Args:
        folder: where to.
        layers: of it.
        width: of its vectors.
        window: tokens that it sees.
    """
    torch: Any = import_module("torch")
    transformers: Any = import_module("transformers")
    tokenizers: Any = import_module("tokenizers")
    torch.manual_seed(7)
    pieces = gzip.decompress(
        files("spanglass_detectors.embedding").joinpath("wordpieces.txt.gz").read_bytes()
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_bytes(pieces)
    config = transformers.BertConfig(
        vocab_size=len(pieces.decode().splitlines()), hidden_size=width,
        num_hidden_layers=layers, num_attention_heads=max(2, width // 32),
        intermediate_size=4 * width, max_position_embeddings=window,
    )  # fmt: skip
    transformers.BertModel(config).eval().save_pretrained(folder)
    names = {name: f"[{name[:-6].upper()}]" for name in _SPECIAL}
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizers.BertWordPieceTokenizer(str(folder / "vocab.txt"))._tokenizer,
        **names,
    ).save_pretrained(folder)
    return folder
