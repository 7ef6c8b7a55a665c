"""Learning from a tenant's own outcomes: training, calibration, which engine serves."""
