"""Pictures of runs, peers and workflows as HTML, SVG and text: pure, stdlib only, no I/O, no clock, no notebook."""
