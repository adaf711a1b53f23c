"""The networks, one architecture per file: each `nn.Module` gives logits at its own resolution, (N, K, h, w)."""
