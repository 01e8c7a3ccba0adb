"""What is known of valence and arousal of music: tables of ratings, and the harness for audio."""
