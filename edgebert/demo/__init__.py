"""The demo: the whole way from a pretrained encoder to a bundle, on real weights and real texts."""
