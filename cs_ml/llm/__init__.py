"""Calls of a language model: any OpenAI-compatible server in, validated answers with their price out."""
