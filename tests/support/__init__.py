"""What several tests share: servers, browsers, and the reading of our own source."""
