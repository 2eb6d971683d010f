"""Browser journeys. README.md says which test keeps which line of the guide's checklist."""
