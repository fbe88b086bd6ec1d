"""What must hold whatever happens: one file per thing that is judged, and the judge who looks at everything by them."""
