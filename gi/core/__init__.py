"""The ground floor: records, protocols, errors, streams, settings, and the record of a trace."""
