"""What comes from the message table is what stands in the tree (WIRE-6)."""

from protocol import generate


def test_generated_files_are_up_to_date() -> None:
    """WIRE-6."""
    assert generate.DOCUMENT.read_text() == generate.document()
    assert generate.TYPESCRIPT.read_text() == generate.typescript()
