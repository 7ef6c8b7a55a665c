"""The Accuracy page, part by part."""
