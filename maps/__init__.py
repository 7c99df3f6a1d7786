"""Pictures: what people look at. Plain data come in, HTML, SVG and print go out; nothing here asks the database."""
