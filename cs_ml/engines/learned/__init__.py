"""Engine `learned`: features of an account at an instant, a model as plain numbers, and what each feature adds."""
