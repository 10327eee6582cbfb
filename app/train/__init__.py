"""Training: from the dataset in the raw bucket to a verified ONNX artifact and its manifest."""
