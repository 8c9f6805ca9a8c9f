"""What several tests use."""
import pytest

from tokens import train


@pytest.fixture
def tokenizer(tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_text(train(["the cat and the hat\n    return 123456;"] * 20, 300).to_str())
    return path
