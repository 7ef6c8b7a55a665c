"""The pieces of the CTAs and Playbooks pages."""
