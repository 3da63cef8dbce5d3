"""Names of tags: ID3 frames, and the Vorbis comments with the same meaning.

Source: https://picard-docs.musicbrainz.org, which lists the names that programs agree on.
"""

COVER = "cover art"
FRAMES = {
    "TALB": "ALBUM", "TBPM": "BPM", "TCMP": "COMPILATION", "TCOM": "COMPOSER", "TCON": "GENRE",
    "TCOP": "COPYRIGHT", "TDOR": "ORIGINALDATE", "TDRC": "DATE", "TENC": "ENCODEDBY", "TEXT": "LYRICIST",
    "TIT1": "GROUPING", "TIT2": "TITLE", "TIT3": "SUBTITLE", "TKEY": "KEY", "TLAN": "LANGUAGE",
    "TMED": "MEDIA", "TMOO": "MOOD", "TOAL": "ORIGINALALBUM", "TOLY": "ORIGINALLYRICIST",
    "TOPE": "ORIGINALARTIST", "TPE1": "ARTIST", "TPE2": "ALBUMARTIST", "TPE3": "CONDUCTOR",
    "TPE4": "REMIXER", "TPOS": "DISCNUMBER", "TPUB": "LABEL", "TRCK": "TRACKNUMBER",
    "TSO2": "ALBUMARTISTSORT", "TSOA": "ALBUMSORT", "TSOC": "COMPOSERSORT", "TSOP": "ARTISTSORT",
    "TSOT": "TITLESORT", "TSRC": "ISRC", "TSST": "DISCSUBTITLE", "MVNM": "MOVEMENTNAME", "MVIN": "MOVEMENT",
    "WCOP": "LICENSE", "WOAR": "WEBSITE",
}  # fmt: skip
# Alternative names in Vorbis comments and APE items.
ALIASES = {"ALBUM ARTIST": "ALBUMARTIST", "TRACK": "TRACKNUMBER", "YEAR": "DATE", "DISC": "DISCNUMBER"}
ALIASES |= {"PUBLISHER": "LABEL", "ORGANIZATION": "LABEL", "UNSYNCEDLYRICS": "LYRICS"}
PICTURE_COMMENTS = ("METADATA_BLOCK_PICTURE", "COVERART", "COVERARTMIME")
# They describe the encoder and the byte positions of the old file.
ENCODING_FRAMES = {"TSSE", "TFLT", "TSIZ", "MLLT", "ASPI", "SEEK", "RBUF"}
ENCODER_COMMENTS = {"ENCODER", "ENCODERSETTINGS", "ENCODER_OPTIONS", "WAVEFORMATEXTENSIBLE_CHANNEL_MASK"}
# libsndfile's names of the tags that it returns.
SNDFILE_FRAMES = {
    "TIT2": "title",
    "TPE1": "artist",
    "TALB": "album",
    "TRCK": "tracknumber",
    "TCON": "genre",
}
SNDFILE_FRAMES |= {"TDRC": "date", "TYER": "date", "COMM": "comment", "TCOP": "copyright"}
SNDFILE_COMMENTS = {"title", "copyright", "software", "artist", "comment", "date", "album", "license"}
SNDFILE_COMMENTS |= {"tracknumber", "genre"}
