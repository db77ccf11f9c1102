"""Why a call does not fit what it receives, and what would fit."""
