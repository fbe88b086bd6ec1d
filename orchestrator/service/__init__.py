"""What people may ask and do, whichever way they come."""
