"""The statistics of health scores: trend, forecast, anomalies, insights. Arrays or dated readings in, values out."""
