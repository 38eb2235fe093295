"""Making checkpoints: importing a BERT encoder as a DistilBERT, and fine-tuning one."""
