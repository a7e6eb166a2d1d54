"""Texts to vectors, by the shipped encoder or another, in OpenVINO or torch."""
