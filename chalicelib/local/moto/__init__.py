"""moto in this process: its backends behind one lock, and patches of moto."""
