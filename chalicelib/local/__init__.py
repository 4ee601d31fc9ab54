"""The embedded engine. Imported only where the engine is embedded; never packaged."""
