"""All that talks to DNS name servers: transfers and questions. Knows no ORM and no settings."""
