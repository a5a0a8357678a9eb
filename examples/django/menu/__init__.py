"""The card of the restaurant: one model, two pages, the admin."""
