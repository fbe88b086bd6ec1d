"""Real services and scripted parts that several tests share."""
