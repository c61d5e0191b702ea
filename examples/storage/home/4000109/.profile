# home of an example account
