# SPDX-License-Identifier: Apache-2.0
"""Phones behind every USSD carrier that speaks HTTP. PHONES: {name of the profile: class}."""
from carriers.asynchronous import HuaweiPhone, IntegratPhone
from carriers.browser import CellcubePhone, OrangePhone
from carriers.con_end import (AdvantaPhone, AtPhone, BongaPhone, CrossgatePhone, HellioPhone,
                              JazaafricaPhone, MobilesasaPhone, SafaricomPhone, SpeedocomPhone)
from carriers.jsons import (ArkeselPhone, BeemPhone, HubtelPhone, InfobipPhone, KorbaPhone, MadapiPhone,
                            NaloPhone, NsanoPhone)
from carriers.query import AirtelPhone, CellulantPhone, DmarkPhone, HollatagsPhone
from carriers.xmls import AatPhone, ComvivaPhone, MoovPhone, RestcommPhone

PHONES = {phone.carrier: phone for phone in (
    AtPhone, AdvantaPhone, JazaafricaPhone, SpeedocomPhone, CrossgatePhone, BongaPhone, HellioPhone,
    MobilesasaPhone, SafaricomPhone, HubtelPhone, ArkeselPhone, NaloPhone, KorbaPhone, NsanoPhone,
    BeemPhone, InfobipPhone, MadapiPhone, ComvivaPhone, AirtelPhone, MoovPhone, OrangePhone,
    CellcubePhone, CellulantPhone, DmarkPhone, HollatagsPhone, AatPhone, RestcommPhone, HuaweiPhone,
    IntegratPhone)}
