"""Getting in: the sign-in form, the cookie behind it, and what stands before every request."""
