-- Usernames of before that more words of the proxy's grammar (region, city, sid, filter) make twofold: each may also be
-- read as a shorter one and a selection.

update accounts set twofold = 1
where username_key like '_%-region' or username_key like '_%-region-%'
    or username_key like '_%-city' or username_key like '_%-city-%'
    or username_key like '_%-sid' or username_key like '_%-sid-%'
    or username_key like '_%-filter' or username_key like '_%-filter-%';
