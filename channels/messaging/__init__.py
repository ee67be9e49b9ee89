"""What the messaging apps share; ``channel.MessagingChannels`` is the entry in credentials.yml."""
