-- name: overlapping_release
-- The release through which the recipient holds most of the features that this version contains too.
select other.name, count(*) from app.release_rows w
join app.releases this on this.id = :release
join app.holdings h on h.recipient = this.recipient and h.feature_id = w.feature_id and h.until is null
    and h.release_id <> this.id
join app.releases other on other.id = h.release_id
where w.version_id = :version group by 1 order by 2 desc limit 1
