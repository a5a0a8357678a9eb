//! Frames: the 16 bytes in front of every payload, and the numbers in them.
//!
//! The layout is fixed for ever (see `wire.md`, section 2): a reader can always tell where the
//! next frame begins, also in front of kinds that it does not know.

use crate::error::Error;

/// Bytes of a frame's header.
pub const HEADER_LEN: usize = 16;

/// Bytes of a payload at most. 64 KiB: large enough that headers cost nothing next to a body,
/// small enough that one frame never holds up the others of its link for long.
pub const PAYLOAD_MAX: usize = 65_536;

/// Bytes of a head (REQUEST, RESPONSE, TRAILERS) at most. 48 KiB: what servers in front accept,
/// and it fits one frame with room to spare.
pub const HEAD_MAX: usize = 49_152;

/// Bytes of body that may be on their way, per stream and direction. 256 KiB: four full frames,
/// which keep both sides busy over a local socket while bounding what a slow reader costs.
pub const WINDOW: u32 = 262_144;

/// Slots of one process at most. A PONG that lists all of them must fit into one frame.
pub const SLOTS_MAX: u32 = 4096;

/// REQUESTs that may be sent ahead to one process, beyond its slots. 8: they serve to save
/// wake-ups, and a few save most of those.
pub const EARLY_MAX: u32 = 8;

/// Bytes of a label for deferred work at most. 128: a function's name and how many more there
/// are; the core keeps one per deferred slot.
pub const DEFERRED_MAX: usize = 128;

/// Bytes of the name of a kind of out-of-band work at most. 64: a word, fit for a column.
pub const OOB_KIND_MAX: usize = 64;

/// Bytes of the reason for out-of-band work at most. 256: a sentence, since the core keeps it.
pub const OOB_REASON_MAX: usize = 256;

/// Whether this may name a kind of out-of-band work.
#[must_use]
pub const fn is_oob_kind(kind: &str) -> bool {
    !kind.is_empty() && kind.len() <= OOB_KIND_MAX
}

/// The two ends of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The daemon.
    Core,
    /// The app process.
    Process,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $wire:literal;)*) => {
        /// What a frame is: the kinds that this version speaks.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Kind {
            $($(#[$doc])* $name = $number,)*
        }

        impl Kind {
            /// Every kind, by number.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The kind with this number, if it is one that we know.
            #[must_use]
            pub const fn from_number(number: u8) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// Its name in `wire.md`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $wire,)*
                }
            }
        }
    };
}

kinds! {
    /// The process says what it is; the first frame of a link.
    Hello = 0x01, "HELLO";
    /// The core accepts.
    Welcome = 0x02, "WELCOME";
    /// The core refuses and will close.
    Reject = 0x03, "REJECT";
    /// The head of a request; opens a stream.
    Request = 0x10, "REQUEST";
    /// Bytes of a body.
    Body = 0x11, "BODY";
    /// What follows a body.
    Trailers = 0x12, "TRAILERS";
    /// The head of a response, or an informational one.
    Response = 0x13, "RESPONSE";
    /// Nothing follows in this direction of the stream.
    End = 0x14, "END";
    /// The response ends here and is broken.
    Abort = 0x15, "ABORT";
    /// Nobody wants the response any more.
    Cancel = 0x16, "CANCEL";
    /// Body bytes were taken; as many may follow.
    Window = 0x17, "WINDOW";
    /// The slot is free.
    Ready = 0x18, "READY";
    /// The slot is given back early, the stream lives on.
    Detach = 0x19, "DETACH";
    /// What goes on after the response has another name than its end told.
    Deferred = 0x1a, "DEFERRED";
    /// The core wants to see the stack of what takes too long, or an exception in it.
    Interrupt = 0x21, "INTERRUPT";
    /// The process asks to be taken out of band.
    OobRequest = 0x28, "OOB_REQUEST";
    /// It no longer asks.
    OobWithdraw = 0x29, "OOB_WITHDRAW";
    /// The core has taken it out of band.
    OobStart = 0x2a, "OOB_START";
    /// Its out-of-band work ended.
    OobDone = 0x2b, "OOB_DONE";
    /// The core asks what the process still holds.
    Ping = 0x30, "PING";
    /// The process answers.
    Pong = 0x31, "PONG";
    /// From the core: no request follows. From the process: a wish for that.
    Drain = 0x32, "DRAIN";
    /// The answer to DRAIN.
    Goodbye = 0x33, "GOODBYE";
    /// A request comes back that the app never saw.
    Bounce = 0x34, "BOUNCE";
}

impl Kind {
    /// Whether this side may send it.
    #[must_use]
    pub const fn is_sent_by(self, side: Side) -> bool {
        match self {
            Self::Body | Self::Trailers | Self::End | Self::Window | Self::Drain => true,
            Self::Welcome
            | Self::Reject
            | Self::Request
            | Self::Cancel
            | Self::Interrupt
            | Self::OobStart
            | Self::Ping => matches!(side, Side::Core),
            Self::Hello
            | Self::Response
            | Self::Abort
            | Self::Ready
            | Self::Detach
            | Self::Deferred
            | Self::OobRequest
            | Self::OobWithdraw
            | Self::OobDone
            | Self::Pong
            | Self::Goodbye
            | Self::Bounce => matches!(side, Side::Process),
        }
    }

    /// Whether it concerns the link itself: its stream number is 0.
    #[must_use]
    pub const fn is_of_link(self) -> bool {
        matches!(
            self,
            Self::Hello
                | Self::Welcome
                | Self::Reject
                | Self::OobRequest
                | Self::OobWithdraw
                | Self::OobStart
                | Self::OobDone
                | Self::Ping
                | Self::Pong
                | Self::Drain
                | Self::Goodbye
        )
    }

    /// Whether it concerns a stream or the link: its stream number may be 0.
    #[must_use]
    pub const fn is_of_either(self) -> bool {
        matches!(self, Self::Interrupt)
    }

    /// Whether it never carries a payload.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        matches!(self, Self::Detach | Self::Bounce)
    }

    /// Whether its payload is a head, which has a limit of its own.
    #[must_use]
    pub const fn is_head(self) -> bool {
        matches!(self, Self::Request | Self::Response | Self::Trailers)
    }
}

/// The flags of a frame. Bits without a name are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(pub u8);

impl Flags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// Nothing follows in this direction of the stream.
    pub const END: Self = Self(0x01);
    /// The slot is free as well.
    pub const READY: Self = Self(0x02);
    /// A receiver that does not know the kind skips the frame.
    pub const OPTIONAL: Self = Self(0x80);

    /// END and READY as asked for.
    #[must_use]
    pub const fn of(end: bool, ready: bool) -> Self {
        Self((end as u8) | ((ready as u8) << 1))
    }

    /// Whether all bits of `other` are set.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What stands in front of a payload. The kind is still a number: it may be one we do not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Bytes of payload.
    pub length: u32,
    /// The number of the kind.
    pub kind: u8,
    /// The flags.
    pub flags: Flags,
    /// The stream, 0 for the link itself.
    pub stream: u64,
}

impl Header {
    /// A header for a payload of a kind that we know.
    ///
    /// # Panics
    ///
    /// When the payload is longer than [`PAYLOAD_MAX`]: callers split bodies and measure heads.
    #[must_use]
    pub fn new(kind: Kind, flags: Flags, stream: u64, length: usize) -> Self {
        assert!(length <= PAYLOAD_MAX, "a payload of {length} bytes does not fit a frame");
        Self { length: length as u32, kind: kind as u8, flags, stream }
    }

    /// The bytes on the wire.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[0..4].copy_from_slice(&self.length.to_le_bytes());
        bytes[4] = self.kind;
        bytes[5] = self.flags.0;
        bytes[8..16].copy_from_slice(&self.stream.to_le_bytes());
        bytes
    }

    /// Reads a header; the reserved bytes are ignored.
    ///
    /// # Errors
    ///
    /// [`Error::FrameTooLong`], before any of the payload has to be received.
    pub fn decode(bytes: &[u8; HEADER_LEN]) -> Result<Self, Error> {
        let [l0, l1, l2, l3, kind, flags, _, _, stream @ ..] = *bytes;
        let length = u32::from_le_bytes([l0, l1, l2, l3]);
        if length as usize > PAYLOAD_MAX {
            return Err(Error::FrameTooLong { length });
        }
        Ok(Self { length, kind, flags: Flags(flags), stream: u64::from_le_bytes(stream) })
    }
}

/// How many bytes are missing to the frame that begins `received`: what a reader should have
/// room for. Never more than one frame, whatever the length field says.
#[must_use]
pub fn missing(received: &[u8]) -> usize {
    let Some(header) = received.first_chunk::<HEADER_LEN>() else {
        return HEADER_LEN - received.len();
    };
    let length = Header::decode(header).map_or(0, |header| header.length as usize);
    (HEADER_LEN + length).saturating_sub(received.len())
}
