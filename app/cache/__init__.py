"""The only folder that calls the library: what it computes is remembered here, a file a subject."""
