"""The parts of foreign documents that the manifests write, as strict models."""
