"""Why a call does not fit its input, and the change that makes it fit."""
