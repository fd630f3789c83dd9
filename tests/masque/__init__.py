"""Tests of capsules, and of what is asked for by an upgrade."""
