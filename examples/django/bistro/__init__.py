"""A small restaurant: the example project for Django."""
