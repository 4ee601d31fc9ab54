"""What is deployed: the packaged template and the zip."""
