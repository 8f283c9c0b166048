"""The servers that Tilecast is measured against, doing the same job on the same wire load."""
