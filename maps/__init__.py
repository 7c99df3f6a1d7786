"""Pages and maps: plain data in, HTML, SVG and JavaScript out. Nothing here reads the database."""
